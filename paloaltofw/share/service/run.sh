agent= stopped=
trap 'stopped=yes; [ -z "$agent" ] || kill -TERM "$agent"' TERM INT
@COMMAND@ &
agent=$!
[ -z "$stopped" ] || kill -TERM "$agent"
wait "$agent"; code=$?
# A stop ends the first wait before the agent has ended.
if kill -0 "$agent" 2>/dev/null; then wait "$agent"; code=$?; fi
[ "$code" -eq 3 ] && code=0
exit "$code"
