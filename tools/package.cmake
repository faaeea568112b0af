# The Debian package: tools/dev package, or cpack in the build directory.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # tests are not in it, so need not be built for it
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME mla)
set(CPACK_PACKAGE_VENDOR "the mla project")
set(CPACK_PACKAGE_CONTACT "the maintainers of mla <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "memory leak analyser: why a process's memory is what it is")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Records every allocation of a program by its call stack, native and Python,
over ptmalloc2, jemalloc, tcmalloc or mimalloc, in a file that survives
kill -9; says whether it leaks, where, and how fast; adds up what its
resident memory is made of; compares allocators.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# The libraries that the two programs are linked with, from dpkg-shlibdeps.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded only for what needs them: mla push and the notifications of mla watch.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libcurl3-gnutls")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libjemalloc2, libtcmalloc-minimal4, libmimalloc2.0")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/tools/package_debian.cmake)
include(CPack)

install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/mla)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/mla)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/mla)
