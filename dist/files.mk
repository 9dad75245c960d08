# files of dist
