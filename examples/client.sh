#!/bin/sh
# Sends photographs to `nevus serve` with curl and keeps the archive of answers and masks:
#     sh examples/client.sh http://127.0.0.1:8000 answers.zip photo.jpg another.png
set -eu
address=${1%/} out=$2
shift 2
for photograph in "$@"; do
  set -- "$@" --form "photographs=@$photograph"
  shift
done
if [ -n "${NEVUS_TOKEN:-}" ]; then
  set -- "$@" --header "Authorization: Bearer $NEVUS_TOKEN"
fi
curl --fail-with-body --silent --show-error --retry 5 \
  --header 'Accept: application/zip' --output "$out" "$@" "$address/v1/analyze"
