# libloam-gc.so, with the soname of bdwgc in Debian 12 so that its programs run on it unmodified: build/lib/gc/libgc.so.1 is a
# link for LD_LIBRARY_PATH. Not where there is no libloam.so, for the same reasons.

if(NOT LOAM_PRELOAD OR NOT TARGET loam_floor_lib_gc_c)
  return()
endif()

set(gc_script ${CMAKE_SOURCE_DIR}/src/lib/gc_c/libloam-gc.map)
loam_floor_objects(gc_objects base sys lib/gc lib/gc_c)
add_library(loam_gc_shared SHARED ${gc_objects})
set_target_properties(loam_gc_shared PROPERTIES
  OUTPUT_NAME loam-gc LINKER_LANGUAGE CXX LINK_DEPENDS ${gc_script} NO_SONAME TRUE)
target_link_options(loam_gc_shared PRIVATE
  -nodefaultlibs -Wl,-soname,libgc.so.1
  -Wl,-z,nodelete -Wl,-z,now -Wl,-z,relro -Wl,--no-undefined -Wl,--build-id=sha1 -Wl,--version-script=${gc_script})
target_link_libraries(loam_gc_shared PRIVATE c gcc)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib/gc)
file(CREATE_LINK ../libloam-gc.so ${CMAKE_BINARY_DIR}/lib/gc/libgc.so.1 SYMBOLIC)
