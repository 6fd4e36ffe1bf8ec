"""What a computer tells of itself: one question a file, each with a pure parser.

`read(missing)` answers; what this account may not read it names in `missing`.
"""
