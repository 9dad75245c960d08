# files of src/pkcs11
