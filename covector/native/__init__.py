"""Programs as machine code: compiled for this processor, kept on disk, and run on a pool of threads.

`compile_program` takes a program through the schedule and the code; where something cannot be compiled the reference
interpreter runs it instead, and says so.
"""
