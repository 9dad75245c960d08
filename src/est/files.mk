# files of src/est
