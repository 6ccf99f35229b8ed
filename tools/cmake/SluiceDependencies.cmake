# The packages that libsluice is built on. The build includes this file, and so does the installed
# package, on behalf of the programs that are linked with the library.

find_package(PkgConfig REQUIRED)
pkg_check_modules(libmnl REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(libnl_route REQUIRED IMPORTED_TARGET libnl-route-3.0)
find_package(absl REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(Threads REQUIRED)
