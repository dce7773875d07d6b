# The command line tool, build/bin/loam.

# loam_tool: what commands are made of, for the tests that link a part. The commands go into the program itself.
file(GLOB_RECURSE tool_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/tool/*.cpp)
set(command_sources ${tool_sources})
list(FILTER command_sources INCLUDE REGEX "/tool/(commands/[^/]+|main)\\.cpp$")
if(command_sources)
  list(REMOVE_ITEM tool_sources ${command_sources})
endif()
if(tool_sources)
  find_package(CLI11 REQUIRED)
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  find_package(Threads REQUIRED)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(libdw REQUIRED IMPORTED_TARGET libdw)
  find_package(ZLIB REQUIRED)
  pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
  # Headers alone, in the system's folder; without this line the compiler would say what is missing.
  find_path(LOAM_PROTOZERO protozero/pbf_writer.hpp REQUIRED)

  add_library(loam_tool STATIC ${tool_sources})
  add_executable(loam ${command_sources})
  # Built by web/build.mjs and committed, so that nobody needs node to build the tool.
  set(page ${CMAKE_SOURCE_DIR}/web/dist/report.html)
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/tool/render/report_page.cpp PROPERTIES
    COMPILE_DEFINITIONS LOAM_REPORT_PAGE="${page}" OBJECT_DEPENDS ${page})
  # The libraries are all templates: whole debug information would make a tool of 35 MB.
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    set_target_properties(loam loam_tool PROPERTIES LOAM_DEBUG_LEVEL 1)
  endif()
  target_compile_definitions(loam_tool PUBLIC LOAM_VERSION="${PROJECT_VERSION}")
  target_link_libraries(loam PRIVATE loam_tool)
  target_link_libraries(loam_tool PUBLIC
    loam_tool_floors loam_flags CLI11::CLI11 fmt::fmt Threads::Threads PkgConfig::libdw
    ZLIB::ZLIB PkgConfig::zstd ${CMAKE_DL_LIBS})
  target_link_libraries(loam_tool PRIVATE nlohmann_json::nlohmann_json)
  # What nearly every file of the tool includes: half of what most of them take to compile. GCC 12 does not keep, in a precompiled header,
  # the pragmas by which its library silences false warnings; scripts/lint.sh builds without such a header and with all warnings.
  target_precompile_headers(loam_tool PRIVATE
    <algorithm> <array> <filesystem> <functional> <map> <memory> <optional> <string> <unordered_map> <vector> <fmt/format.h>)
  target_precompile_headers(loam REUSE_FROM loam_tool)
  foreach(target IN ITEMS loam loam_tool)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
      target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-stringop-overflow)
    endif()
  endforeach()
  loam_join_files(loam_tool 17)
  loam_join_files(loam 3)
  # generate.cpp alone of the library needs CLI11, which a test that links a neighbour of it does not have; what simulation.cpp was
  # compiled to is looked at by a test.
  set_source_files_properties(${CMAKE_SOURCE_DIR}/src/tool/render/generate.cpp ${CMAKE_SOURCE_DIR}/src/tool/model/simulation.cpp
    PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  if(LOAM_PRELOAD)
    add_dependencies(loam loam_shared loam_check_shared)
  endif()
  # Does a recording's operations on whatever malloc it is started with, for `loam replay --allocator`: a program like a user's,
  # which takes its malloc from the dynamic linker and has no library of its own that would call it first.
  file(GLOB executor_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/executor/*.cpp)
  add_executable(loam_executor ${executor_sources})
  set_target_properties(loam_executor PROPERTIES
    OUTPUT_NAME loam-executor RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/libexec/loam)
  target_compile_options(loam_executor PRIVATE
    -fno-builtin-malloc -fno-builtin-realloc -fno-builtin-free -fno-exceptions -fno-rtti)
  target_link_options(loam_executor PRIVATE -Wl,--as-needed)
  target_link_libraries(loam_executor PRIVATE loam_flags Threads::Threads ${CMAKE_DL_LIBS})
  add_dependencies(loam loam_executor)
  # No test of a sanitizer build runs the tool, which would be half of the time to build.
  if(LOAM_SANITIZE)
    set_target_properties(loam loam_tool loam_executor PROPERTIES EXCLUDE_FROM_ALL TRUE)
  endif()
endif()
