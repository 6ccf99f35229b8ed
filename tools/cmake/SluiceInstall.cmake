# What `cmake --install` puts where: programs, libsluice with its headers, its CMake package and its
# pkg-config file, man pages, and the service. Included last: it asks what all folders have declared.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(units GLOBAL PROPERTY SLUICE_LIBRARY_UNITS)
get_property(programs GLOBAL PROPERTY SLUICE_PROGRAMS)
set(include_dir ${CMAKE_INSTALL_INCLUDEDIR}/sluice)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Sluice)

# libsluice: the objects and headers of its units, and what these are linked with from elsewhere.
# Static, or shared with BUILD_SHARED_LIBS.
add_library(sluice)
add_library(Sluice::sluice ALIAS sluice)
set_target_properties(sluice PROPERTIES LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION}
                      SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_compile_features(sluice PUBLIC cxx_std_20)
set(dependencies "")
foreach(unit ${units})
  target_sources(sluice PRIVATE $<TARGET_OBJECTS:${unit}>)
  get_target_property(headers ${unit} HEADER_SET)
  get_target_property(base_dirs ${unit} HEADER_DIRS)
  target_sources(sluice PUBLIC FILE_SET HEADERS BASE_DIRS ${base_dirs} FILES ${headers})
  get_target_property(linked ${unit} INTERFACE_LINK_LIBRARIES)
  list(APPEND dependencies ${linked})
endforeach()
list(TRANSFORM dependencies REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1")
list(FILTER dependencies EXCLUDE REGEX "^sluice_")
list(REMOVE_DUPLICATES dependencies)
target_link_libraries(sluice PUBLIC ${dependencies})

install(TARGETS sluice EXPORT Sluice FILE_SET HEADERS DESTINATION ${include_dir})
install(EXPORT Sluice NAMESPACE Sluice:: FILE SluiceTargets.cmake DESTINATION ${package_dir})
configure_package_config_file(tools/cmake/SluiceConfig.cmake.in SluiceConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(SluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/SluiceConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/SluiceConfigVersion.cmake
              tools/cmake/SluiceDependencies.cmake
        DESTINATION ${package_dir})

# The same dependencies by their pkg-config names.
set(sluice_pc_requires "")
foreach(dependency ${dependencies})
  if(dependency MATCHES "^absl::(.*)")
    list(APPEND sluice_pc_requires absl_${CMAKE_MATCH_1})
  elseif(dependency MATCHES "^PkgConfig::(.*)")
    list(APPEND sluice_pc_requires ${${CMAKE_MATCH_1}_MODULE_NAME})
  elseif(dependency STREQUAL "gRPC::grpc++")
    list(APPEND sluice_pc_requires grpc++)
  elseif(dependency STREQUAL "protobuf::libprotobuf")
    list(APPEND sluice_pc_requires protobuf)
  elseif(dependency MATCHES "^(yaml-cpp|spdlog)")
    list(APPEND sluice_pc_requires ${CMAKE_MATCH_1})
  elseif(NOT dependency MATCHES "^(Threads::Threads|nlohmann_json::.*|CLI11::.*)$")
    message(FATAL_ERROR "${dependency}: say here what pkg-config calls it")
  endif()
endforeach()
list(JOIN sluice_pc_requires " " sluice_pc_requires)
# From the file's own place, so that the tree can be installed or moved anywhere.
file(RELATIVE_PATH sluice_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(tools/cmake/sluice.pc.in sluice.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sluice.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Daemons go to sbin, what users type to bin.
foreach(program ${programs})
  if(program STREQUAL "sluiced")
    install(TARGETS ${program} DESTINATION ${CMAKE_INSTALL_SBINDIR})
  else()
    install(TARGETS ${program} DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

# Where the shells look by themselves.
set(of_sluicectl ${PROJECT_BINARY_DIR}/agent/sluicectl/completions)
install(FILES ${of_sluicectl}/sluicectl.bash RENAME sluicectl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${of_sluicectl}/sluicectl.zsh RENAME _sluicectl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${of_sluicectl}/sluicectl.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES dpctl/completions/dpctl.bash RENAME dpctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES dpctl/completions/dpctl.zsh RENAME _dpctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES dpctl/completions/dpctl.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

foreach(section 1 5 8)
  file(GLOB pages CONFIGURE_DEPENDS docs/man/*.${section})
  if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
  endif()
endforeach()

# Written when it is installed: only then is the prefix known.
install(CODE "
  set(CMAKE_INSTALL_SBINDIR ${CMAKE_INSTALL_SBINDIR})
  configure_file(${PROJECT_SOURCE_DIR}/agent/daemon/sluiced.service.in
                 ${PROJECT_BINARY_DIR}/sluiced.service @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/sluiced.service DESTINATION lib/systemd/system)
