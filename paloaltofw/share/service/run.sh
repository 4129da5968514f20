@COMMAND@ &
agent=$!
trap 'kill -TERM "$agent"' TERM INT
wait "$agent"; code=$?
# A stop ends the first wait before the agent has ended.
if kill -0 "$agent" 2>/dev/null; then wait "$agent"; code=$?; fi
[ "$code" -eq 3 ] && code=0
exit "$code"
