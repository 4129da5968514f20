"""`python -m paloaltofw`."""

from paloaltofw.paloaltoagent import main

main()
