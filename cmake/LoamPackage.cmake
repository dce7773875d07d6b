# The Debian package (scripts/deb.sh, `make deb`).

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME loam)
set(CPACK_PACKAGE_VENDOR "The loam authors")
set(CPACK_PACKAGE_CONTACT "The loam authors <loam@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "malloc that is fast, lean, and explains the heap it serves")
set(CPACK_PACKAGE_DESCRIPTION
  "A malloc to preload under any dynamically linked program, or to link with,\n"
  "and the command line tool that runs programs under it and reports what\n"
  "their heap cost: sizes, overhead, kernel calls, where memory is kept.")
string(REPLACE ";" "" CPACK_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_STRIP_FILES OFF)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
include(CPack)
