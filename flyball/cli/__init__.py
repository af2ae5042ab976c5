"""The command line, one folder a group; each command is a module that is imported when it is called."""
