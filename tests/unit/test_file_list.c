/* Specification: the files to be run. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "fuzz/host/file_list.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "fuzz/text/text.h"
#include "tests/unit/file_fixture.h"

static struct file_list list; /* of the test */

static void empty_list(void) {
    file_list_close(&list);
    list = (struct file_list){.paths = NULL};
    remove_folder();
}

#define LIST_TEST(name) TEST_WITH(name, make_folder, empty_list)

static const char program[] = TEXT_SIGNATURE "\nalloc 0 24\n";

static void make_program(const char *name) {
    make_file(name, program, strlen(program));
}

/* The names in the folder that are listed, each followed by a blank. */
static void assert_listed(const char *expected) {
    char names[512] = "";
    for (size_t i = 0; i < list.count; i++) {
        const bool inside = strncmp(list.paths[i], folder, strlen(folder)) == 0;
        strcat(strcat(names, list.paths[i] + (inside ? strlen(folder) + 1 : 0)), " ");
    }
    assert_string_equal(names, expected);
}

static void assert_left_out(size_t index, const char *name, const char *reason) {
    assert_true(index < list.left_out_count);
    assert_string_equal(list.left_out[index].path, path_of(name));
    assert_string_equal(list.left_out[index].reason, reason);
}

LIST_TEST(a_folder_is_every_visible_program_below_it_in_the_order_of_names) {
    assert_int_equal(mkdir(path_of("b"), 0700), 0);
    assert_int_equal(mkdir(path_of(".git"), 0700), 0);
    static const char *const names[] = {"c", "a", "b/2", "b/10", "Z", ".hidden", "b/.hidden", ".git/x"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        make_program(names[i]);
    }
    assert_int_equal(file_list_add(&list, folder), EXIT_SOUND);
    assert_listed("Z a b/10 b/2 c ");
    file_list_close(&list);
    assert_int_equal(list.count, 0);
    assert_null(list.paths);
}

LIST_TEST(files_are_listed_as_given_hidden_ones_too) {
    make_file(".named", "", 0);
    make_file("a", "", 0);
    assert_int_equal(file_list_add(&list, path_of(".named")), EXIT_SOUND);
    assert_int_equal(file_list_add(&list, "-"), EXIT_SOUND);
    assert_int_equal(file_list_add(&list, path_of("a")), EXIT_SOUND);
    assert_listed(".named - a ");
}

LIST_TEST(a_folder_without_a_program_is_a_usage_error) {
    assert_int_equal(mkdir(path_of("empty"), 0700), 0);
    assert_int_equal(mkdir(path_of("notes"), 0700), 0);
    make_file("notes/a.txt", "text\n", 5);
    make_program("notes/.hidden");
    char expected[4 * PATH_SIZE];
    snprintf(expected, sizeof expected,
             "kmemfuzz: there is no program in %s; name a folder that holds some, such as corpus/seeds\n"
             "left out  %s: no program\n"
             "kmemfuzz: there is no program in %s; name a folder that holds some, such as corpus/seeds\n",
             path_of("empty"), path_of("notes/a.txt"), path_of("notes"));
    const char *const empty = path_of("empty");
    const char *const notes = path_of("notes");
    catch_errors();
    const enum exit_code first = file_list_add(&list, empty);
    const enum exit_code second = file_list_add(&list, notes);
    assert_errors(expected);
    assert_int_equal(first, EXIT_USAGE);
    assert_int_equal(second, EXIT_USAGE);
    assert_int_equal(list.count, 0);
}

LIST_TEST(what_is_no_program_is_left_out_of_a_folder_unless_all_are_bytes) {
    for (int as_bytes = 0; as_bytes <= 1; as_bytes++) {
        list = (struct file_list){.as_bytes = as_bytes != 0};
        make_program("a");
        make_file("b.c", "int main(void);\n", 16);
        make_file("c.ops", "alloc 0 24\n", 11);
        assert_int_equal(file_list_add(&list, folder), EXIT_SOUND);
        assert_listed(as_bytes ? "a b.c c.ops " : "a c.ops "); /* opening the last says what is wrong */
        assert_int_equal(list.left_out_count, as_bytes ? 0 : 1);
        if (!as_bytes) {
            assert_left_out(0, "b.c", "no program");
        }
        file_list_close(&list);
    }
}

/* None of them blocks. */
LIST_TEST(pipes_sockets_and_devices_are_left_out_of_a_folder) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    make_program("a");
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    assert_int_equal(symlink("/dev/zero", path_of("device")), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.80s/socket", folder);
    const int socket_file = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(socket_file, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(file_list_add(&list, folder), EXIT_SOUND);
    close(socket_file);
    assert_listed("a ");
    assert_int_equal(list.left_out_count, 3);
    assert_left_out(0, "device", "a device");
    assert_left_out(1, "pipe", "a pipe");
    assert_left_out(2, "socket", "a socket");
}

LIST_TEST(links_are_followed_but_not_in_a_circle) {
    assert_int_equal(mkdir(path_of("b"), 0700), 0);
    assert_int_equal(mkdir(path_of("b/c"), 0700), 0);
    make_program("b/c/program");
    assert_int_equal(symlink("b/c/program", path_of("a")), 0);
    assert_int_equal(symlink("..", path_of("b/c/up")), 0);
    assert_int_equal(symlink(".", path_of("b/self")), 0);
    assert_int_equal(symlink("b/c", path_of("d")), 0);
    assert_int_equal(symlink("e", path_of("e")), 0);
    assert_int_equal(file_list_add(&list, folder), EXIT_SOUND);
    assert_listed("a b/c/program d/program e ");
    static const char *const left_out[] = {"b/c/up", "b/self", "d/up/c", "d/up/self"};
    assert_int_equal(list.left_out_count, LENGTH(left_out));
    for (size_t i = 0; i < LENGTH(left_out); i++) {
        assert_left_out(i, left_out[i], "a link to a folder that contains it");
    }
}

LIST_TEST(what_cannot_be_read_is_listed_for_opening_it_to_say_so) {
    assert_int_equal(file_list_add(&list, path_of("none")), EXIT_SOUND);
    assert_listed("none ");
    file_list_close(&list);
    make_program("a");
    make_program("z");
    assert_int_equal(symlink("nowhere", path_of("link")), 0);
    assert_int_equal(file_list_add(&list, folder), EXIT_SOUND);
    assert_listed("a link z ");
    assert_int_equal(list.left_out_count, 0);
}

/* As a user whom the folder's mode binds. */
static void list_unreadable_folder(unsigned unused) {
    (void)unused;
    if (geteuid() == 0 && seteuid(65534) != 0) {
        _exit(2);
    }
    _exit(file_list_add(&list, path_of("closed")) == EXIT_SOUND && list.count == 1 ? 42 : 1);
}

LIST_TEST(an_unreadable_folder_is_listed_too) {
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(mkdir(path_of("closed"), 0), 0);
    catch_errors();
    const int status = status_of(list_unreadable_folder, 0);
    assert_errors("");
    assert_exited(status, 42);
}
