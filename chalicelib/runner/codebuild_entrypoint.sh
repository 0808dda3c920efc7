#!/bin/sh
# One job in a build: the newest Python of the image that the runner works with.
for python in python3.13 python3.12 python3.11 python3; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    exec "$python" -m chalicelib.runner --once --name "${CODEBUILD_BUILD_ID:-build}" \
      --build-agent "${OPTIO_AGENT_TYPE:-}"
  fi
done
echo "this image has no Python 3.11 or newer, which the runner needs" >&2
exit 1
