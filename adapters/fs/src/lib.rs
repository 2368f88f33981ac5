//! Directories and files of the operating system behind the shared file effects.
