# The page of `mla report --html`: bundled from tools/web and compiled into mla as a byte array.
#
# The packages of package-lock.json are installed into the build directory, without running any of
# their scripts; the source directory stays as it is.
option(MLA_HTML "The HTML reports: building them needs node (18 or later) and npm" ON)

if(MLA_HTML)
  set(MLA_PAGE ${CMAKE_CURRENT_BINARY_DIR}/web_page.cc)
  find_program(MLA_NODE NAMES node nodejs)
  find_program(MLA_NPM npm)
  if(NOT MLA_NODE OR NOT MLA_NPM)
    message(FATAL_ERROR "mla: the HTML reports: node or npm was not found: install nodejs and npm, "
                        "or configure with -DMLA_HTML=OFF: `mla report --html` then says that it "
                        "is not there")
  endif()
  set(web ${CMAKE_CURRENT_LIST_DIR})
  set(web_build ${CMAKE_CURRENT_BINARY_DIR}/web)
  set(web_modules ${web_build}/modules.stamp)
  # For the compiler of TypeScript, which looks for packages beside the sources.
  file(WRITE ${web_build}/tsconfig.json
       "{\"extends\": \"${web}/tsconfig.json\", \"include\": [\"${web}/src\"],\n"
       " \"compilerOptions\": {\"paths\": {\"*\": "
       "[\"./node_modules/@types/*\", \"./node_modules/*\"]}}}\n")
  file(GLOB web_sources CONFIGURE_DEPENDS ${web}/src/*.ts ${web}/src/*.css ${web}/src/*.html)
  add_custom_command(
    OUTPUT ${web_modules}
    DEPENDS ${web}/package.json ${web}/package-lock.json ${web}/install.sh
    COMMAND ${web}/install.sh ${MLA_NPM} ${web} ${web_build}
    COMMAND ${CMAKE_COMMAND} -E touch ${web_modules}
    COMMENT "Installing the packages of tools/web"
    VERBATIM)
  add_custom_command(
    OUTPUT ${MLA_PAGE}
    DEPENDS ${web_modules} ${web}/build.mjs ${web_sources}
    COMMAND ${MLA_NODE} ${web}/build.mjs ${web_build} ${MLA_PAGE}
    COMMENT "Bundling the page of the HTML reports"
    VERBATIM)
else()
  set(MLA_PAGE ${CMAKE_CURRENT_BINARY_DIR}/web_no_page.cc)
  file(WRITE ${MLA_PAGE}
       "#include \"report_html.h\"\nstd::string_view mla::built_in_page() { return {}; }\n")
endif()
target_sources(mla PRIVATE ${MLA_PAGE})
