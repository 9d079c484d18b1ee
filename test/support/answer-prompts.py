"""Runs a program in a terminal of its own and answers its questions for a password with the lines of a file, in turn.

answer-prompts.py ANSWERS PROGRAM ARG…    What the terminal shows goes to standard output; the exit status is the program's.
"""
import os
import pty
import re
import sys

answers = open(sys.argv[1], 'rb').read().splitlines()
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen = b''
while True:
    try:
        piece = os.read(fd, 65536)
    except OSError:  # Linux: the other end is closed
        break
    if not piece:
        break
    os.write(1, piece)
    seen += piece
    if answers and re.search(rb'(assword[^\r\n]*|Again): $', seen):
        os.write(fd, answers.pop(0) + b'\n')
        seen = b''
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
