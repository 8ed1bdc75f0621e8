"""`./hub up` and its companions: install, start, watch over and stop every process of a single-machine copy.

install.py     .venv from the hashed lock (standard library only: it runs before anything is installed)
folder.py      the data folder: who may read it, which process owns it, what is kept in it
programs.py    the processes of a copy: their commands and environments
process.py     one process: its group, its log, its end
watchdog.py    ends every process when the supervisor vanishes
supervisor.py  starts, restarts and stops them in order
"""
