#pragma once
#include <spawn.h>

// Functions that the C library declares only for _GNU_SOURCE, which Swift's Glibc module is built without.

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
int pipe2(int ends[2], int flags);
