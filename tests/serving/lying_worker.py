"""A worker that was taken over: it sends what it is told to, in well-formed messages."""

import json
import sys

from nevus.serving.frames import read_frame, write_frame

TRUTH = {"models": [], "verbs": ["analyze"], "seconds": 0.1}

if __name__ == "__main__":
    lie = json.loads(sys.argv[1])
    read_frame(sys.stdin.buffer)
    write_frame(sys.stdout.buffer, TRUTH)
    while read_frame(sys.stdin.buffer) is not None:
        write_frame(sys.stdout.buffer, lie)
