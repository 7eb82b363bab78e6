"""DVC without git: a workspace, and what runs beside it in a process of its own."""
