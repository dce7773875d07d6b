# What `make install` and the package put where. The tool looks for the library beside itself: ../lib or
# ../${CMAKE_INSTALL_LIBDIR} of its own folder.

include(CMakePackageConfigHelpers)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/loam DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/CHANGELOG.md ${CMAKE_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(TARGET loam)
  install(TARGETS loam RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

if(LOAM_PRELOAD)
  set_target_properties(loam_shared PROPERTIES EXPORT_NAME loam)
  set_target_properties(loam_static PROPERTIES EXPORT_NAME static)
  target_include_directories(loam_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_include_directories(loam_static INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  install(TARGETS loam_shared loam_static EXPORT loam-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/loam)
  install(EXPORT loam-targets NAMESPACE loam:: DESTINATION ${package_dir})
  configure_package_config_file(${CMAKE_SOURCE_DIR}/packaging/loam-config.cmake.in
    ${CMAKE_BINARY_DIR}/loam-config.cmake INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/loam-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/loam-config.cmake ${CMAKE_BINARY_DIR}/loam-config-version.cmake
    DESTINATION ${package_dir})

  # Relative to the .pc file itself, so that an installed tree can be moved.
  file(RELATIVE_PATH LOAM_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  configure_file(${CMAKE_SOURCE_DIR}/packaging/loam.pc.in ${CMAKE_BINARY_DIR}/loam.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/loam.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()

# Made by the tool out of the option table.
file(GLOB man_pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.1)
install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
foreach(completion IN ITEMS
    "bash/loam:bash-completion/completions" "zsh/_loam:zsh/vendor-completions" "fish/loam.fish:fish/vendor_completions.d")
  string(REPLACE ":" ";" pair ${completion})
  list(GET pair 0 file)
  list(GET pair 1 folder)
  if(EXISTS ${CMAKE_SOURCE_DIR}/packaging/completions/${file})
    install(FILES ${CMAKE_SOURCE_DIR}/packaging/completions/${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder})
  endif()
endforeach()
