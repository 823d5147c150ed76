#!/bin/sh
# Sends photographs to `nevus serve` with curl and keeps the archive of answers and masks:
#     sh examples/client.sh http://127.0.0.1:8000 answers.zip photo.jpg another.png
# No " in names. Where the service refuses, its words are printed and no archive is left.
set -eu
if [ $# -lt 3 ]; then
  echo "usage: sh $0 ADDRESS ARCHIVE.zip PHOTOGRAPH..." >&2
  exit 2
fi
address=${1%/} out=$2
shift 2
for photograph in "$@"; do
  # Quoted, since a bare ; or , would end the name.
  set -- "$@" --form "photographs=@\"$photograph\""
  shift
done
if [ -n "${NEVUS_TOKEN:-}" ]; then
  set -- "$@" --header "Authorization: Bearer $NEVUS_TOKEN"
fi
if ! curl --fail-with-body --silent --show-error --retry 5 --retry-connrefused \
  --header 'Accept: application/zip' --output "$out" "$@" "$address/v1/analyze"; then
  if [ -f "$out" ]; then cat "$out" >&2; echo >&2; rm -f "$out"; fi
  exit 1
fi
