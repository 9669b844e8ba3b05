// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file system of mm/shmem.c from mount to unmount: shmem_parse_options(), shmem_reconfigure(), shmem_show_options(),
 * shmem_mknod(), shmem_symlink(), shmem_rename2(), shmem_xattr_handler_set(), shmem_tmpfile(), shmem_file_llseek(),
 * shmem_fallocate(), shmem_statfs(), shmem_encode_fh(), shmem_fileattr_set().
 */
#include <dirent.h>
#include <linux/fs.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include "../common.h"

#define AT "/tmp/life"
#define ROUNDS 12
#define FILES 16
#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT 4
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static char longer[300];

static void mount_it(void)
{
	char data[] = "size=4m,nr_inodes=200,huge=within_size,mode=755,uid=0,gid=0,inode64";
	char plain[] = "size=4m,nr_inodes=200,mode=755,uid=0,gid=0";

	if (mount("life", AT, "tmpfs", MS_NOATIME, data))
		must(!mount("life", AT, "tmpfs", MS_NOATIME, plain));
	errno = 0;
	refused(mount("life", AT, "tmpfs", MS_REMOUNT, "size=nonsense"), EINVAL);
	refused(mount("life", AT, "tmpfs", MS_REMOUNT, "huge=perhaps"), EINVAL);
	must(!mount("life", AT, "tmpfs", MS_REMOUNT | MS_NOATIME, "size=8m,nr_blocks=2048,nr_inodes=300"));
	if (mount("life", AT, "tmpfs", MS_REMOUNT | MS_NOATIME, "mpol=interleave:0"))
		must(errno == EINVAL);	/* no nodes in this kernel */
	errno = 0;
	must(read_all("/proc/self/mounts", 1 << 20));
}

static void make_files(void)
{
	char name[64], other[64];

	must(!mkdir(AT "/d", 0700));
	for (int i = 0; i < FILES; i++) {
		int fd;

		snprintf(name, sizeof(name), AT "/d/f%d", i);
		snprintf(other, sizeof(other), AT "/d/l%d", i);
		fd = open(name, O_CREAT | O_RDWR | O_EXCL, 0600);
		must(fd >= 0 && pwrite(fd, "life", 4, 0) == 4 && !close(fd));
		must(!link(name, other));
	}
	must(!mknod(AT "/null", S_IFCHR | 0600, 0x103));
	must(!mkfifo(AT "/fifo", 0600));
	must(!mknod(AT "/socket", S_IFSOCK | 0600, 0));
	must(!symlink("d/f0", AT "/short"));
	must(!symlink(longer, AT "/long"));
}

static void check_links(void)
{
	char text[400];
	struct stat st;
	int fd = open(AT "/short", O_RDONLY);

	must(fd >= 0 && read(fd, text, 4) == 4 && !memcmp(text, "life", 4) && !close(fd));
	must(readlink(AT "/long", text, sizeof(text)) == (ssize_t)strlen(longer));
	fd = open(AT "/long", O_RDONLY);
	must(fd >= 0 && !close(fd));	/* by way of many dots */
	must(!stat(AT "/d/l3", &st) && st.st_nlink == 2);
}

static void xattrs(void)
{
	char value[64];

	must(!setxattr(AT "/d/f0", "trusted.a", "one", 3, XATTR_CREATE));
	must(!setxattr(AT "/d/f0", "trusted.a", "three", 5, XATTR_REPLACE));
	must(getxattr(AT "/d/f0", "trusted.a", value, sizeof(value)) == 5 && !memcmp(value, "three", 5));
	must(listxattr(AT "/d/f0", value, sizeof(value)) >= 10);
	must(!removexattr(AT "/d/f0", "trusted.a"));
	refused(getxattr(AT "/d/f0", "trusted.a", value, sizeof(value)), ENODATA);
}

static void holes(void)
{
	int fd = open(AT "/holes", O_CREAT | O_RDWR, 0600);
	off_t page = page_size;
	struct stat st;
	bool large;	/* a file of this size may have but one folio since Linux 6.14 */

	must(fd >= 0 && !ftruncate(fd, 64 * page));
	must(pwrite(fd, "x", 1, 8 * page) == 1 && pwrite(fd, "y", 1, 40 * page + 5) == 1);
	large = lseek(fd, 0, SEEK_DATA) == 0;
	must(lseek(fd, 0, SEEK_DATA) <= 8 * page && lseek(fd, 8 * page, SEEK_HOLE) >= 9 * page);
	must(lseek(fd, 9 * page, SEEK_DATA) <= 40 * page && lseek(fd, 40 * page, SEEK_HOLE) >= 41 * page);
	must(lseek(fd, 41 * page, SEEK_DATA) == (large ? 41 * page : -1));
	must(!fallocate(fd, 0, 16 * page, 16 * page));
	must(!fallocate(fd, FALLOC_FL_KEEP_SIZE, 64 * page, 8 * page));
	must(!fstat(fd, &st) && st.st_size == 64 * page);
	must(st.st_blocks * 512 == (large ? 64 + 8 : 26) * page);
	must(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 16 * page + 7, 15 * page));
	refused(fallocate(fd, 0, 0, 16 << 20), ENOSPC);
	must(!ftruncate(fd, 20 * page + 100) && !fstat(fd, &st) && st.st_size == 20 * page + 100);
	must(!fchown(fd, 1, 1) && !fchmod(fd, 0640) && !fsync(fd) && !close(fd) && !unlink(AT "/holes"));
}

static void renames(void)
{
	struct stat st;

	must(!rename(AT "/d/f1", AT "/moved") && !rename(AT "/moved", AT "/d/f2"));
	must(!syscall(SYS_renameat2, AT_FDCWD, AT "/d/f2", AT_FDCWD, AT "/null", RENAME_EXCHANGE));
	must(!stat(AT "/d/f2", &st) && S_ISCHR(st.st_mode));
	must(!syscall(SYS_renameat2, AT_FDCWD, AT "/d/f3", AT_FDCWD, AT "/d/f4", RENAME_WHITEOUT));
	must(!stat(AT "/d/f3", &st) && S_ISCHR(st.st_mode) && !st.st_rdev);
	must(!mkdir(AT "/e", 0700) && !rename(AT "/e", AT "/g") && !rmdir(AT "/g"));
	refused(rmdir(AT "/d"), ENOTEMPTY);
}

static void unnamed(void)
{
	char name[64];
	int fd = open(AT, O_TMPFILE | O_RDWR, 0600);

	must(fd >= 0 && write(fd, "tmp", 3) == 3);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	must(!linkat(AT_FDCWD, name, AT_FDCWD, AT "/named", AT_SYMLINK_FOLLOW) && !close(fd));
	must(!unlink(AT "/named"));
}

/* A handle is a name that outlives the path. */
static void handles(void)
{
	struct {
		struct file_handle handle;
		char room[128];
	} one = { .handle.handle_bytes = 128 };
	int id, fd, root = open(AT, O_RDONLY);
	char text[4];

	must(root >= 0 && !name_to_handle_at(AT_FDCWD, AT "/d/f0", &one.handle, &id, 0));
	fd = open_by_handle_at(root, &one.handle, O_RDONLY);
	must(fd >= 0 && read(fd, text, 4) == 4 && !memcmp(text, "life", 4) && !close(fd) && !close(root));
}

static void attributes(void)
{
	int flags = 0, fd = open(AT "/d/f0", O_RDONLY);

	must(fd >= 0);
	if (!ioctl(fd, FS_IOC_GETFLAGS, &flags)) {
		flags |= FS_NODUMP_FL;
		must(!ioctl(fd, FS_IOC_SETFLAGS, &flags) && !ioctl(fd, FS_IOC_GETFLAGS, &flags));
		must(flags & FS_NODUMP_FL);
	}
	errno = 0;
	must(!close(fd));
}

static void count_and_remove(void)
{
	struct statfs fs;
	struct dirent *entry;
	DIR *dir = opendir(AT "/d");
	int entries = 0;

	must(dir && !statfs(AT, &fs) && fs.f_files == 300 && fs.f_blocks * fs.f_bsize == 8 << 20);
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.' && ++entries)
			must(!unlinkat(dirfd(dir), entry->d_name, 0));
	must(entries == 2 * FILES - 1 && !closedir(dir) && !rmdir(AT "/d"));
	must(!unlink(AT "/short") && !unlink(AT "/long") && !unlink(AT "/fifo") && !unlink(AT "/socket"));
}

int main(int argc, char **argv)
{
	begin_program(argc, argv);
	make_folder(AT);
	for (int i = 0; i < 100; i++)
		strcat(longer, "./");
	strcat(longer, "d/f5");
	while (km_pass()) {
		km_begin();
		for (int i = 0; i < ROUNDS; i++) {
			mount_it();
			make_files();
			check_links();
			xattrs();
			holes();
			unnamed();
			handles();
			attributes();
			renames();
			count_and_remove();
			must(!umount(AT));
		}
		km_end(ROUNDS);
		refused(access(AT "/null", F_OK), ENOENT);
	}
	rmdir(AT);
	return km_finish();
}
