# The shapes that a target of this project can have. One folder is one unit is one target.

# sluice_unit(NAME [INTERNAL] SOURCES ... HEADERS ... DEPS ...)
#
# The static library sluice_NAME of the folder that it is called in. HEADERS are its public headers,
# named from that folder; each must compile alone (all_verify_interface_header_sets checks it).
# The units' objects together are what is installed as libsluice, but for those that are INTERNAL
# to a program.
function(sluice_unit name)
  cmake_parse_arguments(ARG "INTERNAL" "" "SOURCES;HEADERS;DEPS" ${ARGN})
  add_library(sluice_${name} STATIC ${ARG_SOURCES})
  target_sources(sluice_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                 FILES ${ARG_HEADERS})
  target_link_libraries(sluice_${name} PUBLIC ${ARG_DEPS})
  set_target_properties(sluice_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  set_property(GLOBAL APPEND PROPERTY SLUICE_UNITS sluice_${name})
  if(NOT ARG_INTERNAL)
    set_property(GLOBAL APPEND PROPERTY SLUICE_LIBRARY_UNITS sluice_${name})
  endif()
endfunction()

# sluice_program(NAME SOURCES ... DEPS ...): an installed program of that name.
function(sluice_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  set_property(GLOBAL APPEND PROPERTY SLUICE_PROGRAMS ${name})
endfunction()

# sluice_test(NAME SOURCES ... [DEPS ...]): a Catch2 program, run by ctest with label `unit`.
# Without DEPS it is linked with every unit.
function(sluice_test name)
  sluice_check_program_(${name} tests ${ARGN})
  target_link_libraries(${name} PRIVATE sluice_unit_test_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# sluice_kernel_test(NAME SOURCES ... [DEPS ...]): the same, for a kernel of its own under tools/vm.
# No ctest case, so that nothing runs it on the host: build/PRESET/kernel-tests.list has its path.
function(sluice_kernel_test name)
  sluice_check_program_(${name} tests ${ARGN})
  target_link_libraries(${name} PRIVATE sluice_kernel_test_main)
  set_property(GLOBAL APPEND_STRING PROPERTY SLUICE_KERNEL_TESTS "bin/tests/${name}\n")
endfunction()

# sluice_fuzz_target(NAME SOURCES ... [DEPS ...] [CORPUS FOLDER]): a libFuzzer program.
# build/fuzz/fuzz-targets.list has its path and its corpus on a line.
function(sluice_fuzz_target name)
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;DEPS" ${ARGN})
  sluice_check_program_(${name} fuzz SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz ${name})
  set_property(GLOBAL APPEND_STRING PROPERTY SLUICE_FUZZ_TARGETS
               "bin/fuzz/${name} ${ARG_CORPUS}\n")
endfunction()

# sluice_bench(NAME SOURCES ... [DEPS ...]): a google-benchmark program.
function(sluice_bench name)
  sluice_check_program_(${name} bench ${ARGN})
  target_link_libraries(${name} PRIVATE benchmark::benchmark_main)
endfunction()

function(sluice_check_program_ name folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_DEPS)
    get_property(ARG_DEPS GLOBAL PROPERTY SLUICE_UNITS)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/${folder})
endfunction()
