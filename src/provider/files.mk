# files of src/provider
