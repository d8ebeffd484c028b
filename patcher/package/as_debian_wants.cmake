# Run by cpack on the installed files, before they are packed.
set(share ${CPACK_TEMPORARY_DIRECTORY}/usr/share)

# Debian Policy 12.1 and 12.7; -n, so that the same files give the same bytes.
execute_process(COMMAND gzip -9n ${share}/man/man1/detachfix.1
                        ${share}/doc/detachfix/changelog
                COMMAND_ERROR_IS_FATAL ANY)
# Debian Policy 12.5: copyright names the Apache License that every Debian has.
file(REMOVE ${share}/doc/detachfix/LICENSE)
# Debian Policy 10.9, whatever the umask of who packs.
file(CHMOD_RECURSE ${CPACK_TEMPORARY_DIRECTORY}/usr DIRECTORY_PERMISSIONS
     OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
     WORLD_READ WORLD_EXECUTE)
