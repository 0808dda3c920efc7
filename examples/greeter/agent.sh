# The agent of the demo: a script that does what its prompt says. It reads the prompt on its
# standard input, as every agent does, and leaves its change uncommitted.
set -euo pipefail
prompt="$(cat)"
greeting="$(sed -n 's/^Add the greeting: //p' <<<"$prompt")"
echo "I was asked: $prompt"
sleep 1
echo "$greeting ($(date -u +%H:%M:%S))" >> greetings.txt
echo "Done: there are $(wc -l < greetings.txt) greetings now"
