# The shapes that a target of this project can have. One folder is one unit is one target.

# sluice_unit(NAME SOURCES ... HEADERS ... DEPS ...)
#
# The static library sluice_NAME of the folder that it is called in. HEADERS are its public headers,
# named from that folder; each must compile alone (all_verify_interface_header_sets checks it).
# The units' objects together are what is installed as libsluice.
function(sluice_unit name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;DEPS" ${ARGN})
  add_library(sluice_${name} STATIC ${ARG_SOURCES})
  target_sources(sluice_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                 FILES ${ARG_HEADERS})
  target_link_libraries(sluice_${name} PUBLIC ${ARG_DEPS})
  set_target_properties(sluice_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  set_property(GLOBAL APPEND PROPERTY SLUICE_UNITS sluice_${name})
endfunction()

# sluice_program(NAME SOURCES ... DEPS ...): an installed program of that name.
function(sluice_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  set_property(GLOBAL APPEND PROPERTY SLUICE_PROGRAMS ${name})
endfunction()
