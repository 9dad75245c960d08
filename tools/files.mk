# files of tools
