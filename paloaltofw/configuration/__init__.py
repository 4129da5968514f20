"""What the files say, validated. The text of an error about a wrong value stands beside its rule.

rules: general values (choices, numbers, durations); names, addresses: those; *_file: what each kind of file may hold;
mistakes: slips that many people make, recognised and named; cross_checks: files against each other; problems: how an
error names its file and line; loader: all of it together.
"""
