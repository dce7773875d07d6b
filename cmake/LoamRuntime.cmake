# libloam.so and libloam.a. Under a sanitizer or gcov neither is built: those runtimes replace malloc themselves or
# allocate through it; there the heap is tested as a library (loam_core).

if(LOAM_SANITIZE OR LOAM_COVERAGE OR NOT TARGET loam_floor_preload)
  set(LOAM_PRELOAD OFF)
  return()
endif()
set(LOAM_PRELOAD ON)

# What every program touches comes first, so that it lies on the same pages, code and variables alike: of a mapped file the
# kernel makes 64 KiB around each page that is touched resident, in every process. Then what start and exit look into. The rest
# waits for a question or a mode.
set(always_used
  "/preload/(malloc|new)\\.cpp|/meta/|/sys/huge_pages\\.cpp|/heap/(refill|stack|remote|small_span|span|span_table|regions|registry|large|growth|purge)\\.cpp"
  "/runtime/(start|thread|allocate|release|resize|fork)\\.cpp|/sys/(kernel|source|lock)\\.cpp")
list(JOIN always_used "|" always_used)
set(looked_into "/runtime/(control|sites|statistics|checking|leaks)\\.cpp")
set(floors ${LOAM_CORE_FLOORS} ${LOAM_TOP_FLOORS})
list(REMOVE_ITEM floors interpose)
loam_floor_objects(objects ${floors})
set(runtime_objects
  "$<FILTER:${objects},INCLUDE,${always_used}>" "$<FILTER:${objects},INCLUDE,${looked_into}>"
  "$<FILTER:${objects},EXCLUDE,${always_used}|${looked_into}>")
set(version_script ${CMAKE_SOURCE_DIR}/src/preload/libloam.map)

# No start files and no default libraries: nothing of the C++ library can slip in, and the .init_array holds the
# runtime's own entries only. -z nodelete: a thread's last free may come after dlclose.
add_library(loam_shared SHARED ${runtime_objects})
set_target_properties(loam_shared PROPERTIES
  OUTPUT_NAME loam VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
  LINKER_LANGUAGE CXX LINK_DEPENDS ${version_script})
target_link_options(loam_shared PRIVATE
  -nostartfiles -nodefaultlibs
  -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,--no-undefined -Wl,--build-id=sha1
  -Wl,--version-script=${version_script})
target_link_libraries(loam_shared PRIVATE c gcc)

# Stands beside it in check mode, in front of functions of the C library.
set(check_script ${CMAKE_SOURCE_DIR}/src/interpose/libloam-check.map)
add_library(loam_check_shared SHARED $<TARGET_OBJECTS:loam_floor_interpose>)
set_target_properties(loam_check_shared PROPERTIES
  OUTPUT_NAME loam-check LINKER_LANGUAGE CXX LINK_DEPENDS ${check_script})
target_link_options(loam_check_shared PRIVATE
  -nostartfiles -nodefaultlibs
  -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,--build-id=sha1 -Wl,--version-script=${check_script})
target_link_libraries(loam_check_shared PRIVATE c gcc)

add_library(loam_static STATIC ${runtime_objects})
set_target_properties(loam_static PROPERTIES OUTPUT_NAME loam LINKER_LANGUAGE CXX)
