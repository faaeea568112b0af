# What Debian wants otherwise than an installation has it; runs in cpack, before it packs.
set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
set(doc ${share}/doc/mla)
file(REMOVE ${doc}/LICENSE)
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
file(GLOB pages ${share}/man/man1/*.1)
execute_process(COMMAND gzip -9 -n ${pages} ${doc}/changelog COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${doc}/copyright
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: the authors of mla
License: Apache-2.0
 On Debian systems the full text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.

Files: usr/bin/mla
Comment: the page of its HTML reports is bundled with parts of other projects, whose licences it
 carries and every report shows.
Copyright: the authors of mla, and those the page names
License: Apache-2.0
")
