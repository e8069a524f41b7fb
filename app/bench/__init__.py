"""How fast, how exact, how large: measured on this machine, by `tollgate bench`. Nothing of the running gateway needs it.

Every figure is a ratio to a bare Flask view on the same machine in the same minutes: variants take turns (A B A B …), so
that whatever else the machine does falls on all of them alike.
"""
