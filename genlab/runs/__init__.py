"""What training leaves behind: the folder of a run, its checkpoints, its log, and how it is shown."""
