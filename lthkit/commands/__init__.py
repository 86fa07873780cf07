"""What `lthkit` does on the command line, one module for a group of commands; each adds its own parsers.

`console` holds what they share. Heavy modules are imported when a command runs, so that `--help` is quick.
"""
