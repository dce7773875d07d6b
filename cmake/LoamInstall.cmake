# What `make install` and the package put where. The tool looks for the library beside itself: ../lib or
# ../${CMAKE_INSTALL_LIBDIR} of its own folder.

include(CMakePackageConfigHelpers)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/loam DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/CHANGELOG.md ${CMAKE_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(TARGET loam)
  install(TARGETS loam RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(TARGETS loam_executor RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/loam)
endif()

if(LOAM_PRELOAD)
  set_target_properties(loam_shared PROPERTIES EXPORT_NAME loam)
  set_target_properties(loam_static PROPERTIES EXPORT_NAME static)
  target_include_directories(loam_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_include_directories(loam_static INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  install(TARGETS loam_shared loam_static EXPORT loam-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

  install(TARGETS loam_gc_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(TARGETS loam_check_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

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

# Man page and completions, printed by the tool out of its own command line: they cannot differ from it.
function(loam_generate kind file folder)
  set(output ${CMAKE_BINARY_DIR}/share/${file})
  add_custom_command(OUTPUT ${output} COMMAND loam --generate ${kind} > ${output} DEPENDS loam VERBATIM)
  list(APPEND generated ${output})
  set(generated ${generated} PARENT_SCOPE)
  install(FILES ${output} DESTINATION ${folder})
endfunction()

if(TARGET loam)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share/bash ${CMAKE_BINARY_DIR}/share/zsh ${CMAKE_BINARY_DIR}/share/fish)
  set(generated)
  loam_generate(man loam.1 ${CMAKE_INSTALL_MANDIR}/man1)
  loam_generate(bash bash/loam ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  loam_generate(zsh zsh/_loam ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  loam_generate(fish fish/loam.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  add_custom_target(loam_generated ALL DEPENDS ${generated})
endif()
