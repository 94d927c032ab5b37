/* Specification: programs from files, and files written whole or not at all. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "fuzz/host/input.h"
#include "fuzz/host/output.h"
#include "fuzz/text/text.h"
#include "tests/unit/file_fixture.h"

static struct input input; /* of the test */

static const uint8_t binary[] = {1, 0, 1, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 0, 1, 5, 0, 0, 0, 0};

/* What files with these names and contents are taken for. */
enum form {
    BYTES,
    TEXT,
    REFUSED,
};

#define PROGRAM TEXT_SIGNATURE "\nheap page=64 pages=4 growth=2 slots=16\nalloc 0 24\n"

static const struct {
    const char *names;
    const char *contents;
    enum form form;
    bool is_something_else; /* left out where it lies in a folder */
} forms[] = {
    {"program; crash-1a2b", PROGRAM, TEXT, false}, /* the latter as the fuzz target reads it */
    {"program.ops", "# why\n\n" PROGRAM, TEXT, false},
    {"0123456789abcdef0123456789abcdef01234567", "\n" PROGRAM, TEXT, false},
    {"program", "\x01\x02", BYTES, false},
    {"program.ops", "abc\x7f", BYTES, false},
    {"notes.txt", "form feed \f, bell \a, \x1b[1mbold\x1b[0m, \t, \r\n", REFUSED, true},
    {"notes.txt", "\v", BYTES, false},
    {"notes.txt", "\x0e", BYTES, false},
    {"latin", "b\xe4r", BYTES, false},
    {"cut", "b\xc3", BYTES, false},
    {"utf8", "b\xc3\xa4r", REFUSED, true},
    {"crash-1a2b; timeout-1; oom-1; leak-1; slow-unit-1; minimized-from-1; id_000012,src_000000; "
     "0123456789abcdef0123456789abcdef01234567; id:000000,time:0,execs:0,orig:first_fit.ops",
     "abc", BYTES, false},
    {"0123456789abcdef0123456789abcdef0123456; 0123456789ABCDEF0123456789abcdef01234567; crash; id:0", "abc",
     REFUSED, true},
    {"crash-1a2b.c", "int main(void) {}\n", REFUSED, true},
    {"crash-1a2b.html", "<html>\n", REFUSED, true},
    {"crash-1a2b.log", "INFO: Seed: 1\n", REFUSED, true},
    {"README.md", "# kmem\n\nA heap.\n", REFUSED, true},
    {"program", "kmem-program one\n", REFUSED, false},
    {"program", "kmem-programs 1\n", REFUSED, false},
    {"program", "\n \n", REFUSED, true},
    {"program.ops", "alloc 0 24\n", REFUSED, false}, /* its name says that it is to be a program */
    {"program.ops", "kmem-porgram 1\nalloc 0 24\n", REFUSED, false},
    {"program.ops", "Kmem-program 1\nalloc 0 24\n", REFUSED, false},
    {"program.ops", "\n", REFUSED, false},
};

static void assert_form(const char *name, const char *contents, enum form form, bool is_something_else) {
    const char *const path = path_of(name);
    make_file(name, contents, strlen(contents));
    catch_errors();
    const enum exit_code code = input_open(path, false, &input);
    release_errors();
    assert_int_equal(code, form == REFUSED ? EXIT_USAGE : EXIT_SOUND);
    if (code == EXIT_SOUND) {
        assert_int_equal(input.was_text, form == TEXT);
    }
    input_close(&input);
    assert_int_equal(input_is_something_else(path), is_something_else);
    assert_int_equal(input_open(path, true, &input), EXIT_SOUND);
    assert_int_equal(input.size, strlen(contents));
    input_close(&input);
}

FOLDER_TEST(a_file_is_text_or_bytes_or_is_refused) {
    for (size_t i = 0; i < LENGTH(forms); i++) {
        for (const char *item = forms[i].names; item != NULL; item = next_item(item)) {
            char name[64];
            (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(item, ";"), item);
            assert_form(name, forms[i].contents, forms[i].form, forms[i].is_something_else);
        }
    }
}

FOLDER_TEST(large_files_are_read_whole) {
    static const size_t sizes[] = {4095, 4096, 4097, 8192, 20000};
    static uint8_t bytes[20000];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        make_file("program", bytes, sizes[i]);
        assert_int_equal(input_open(path_of("program"), false, &input), EXIT_SOUND);
        assert_int_equal(input.size, sizes[i]);
        assert_memory_equal(input.bytes, bytes, sizes[i]);
        input_close(&input);
    }
}

/* Holes cost no room on a disk. */
FOLDER_TEST(a_file_without_end_is_given_up) {
    uint8_t *bytes;
    size_t size;
    make_file("large", "", 0);
    const char *const path = path_of("large");
    assert_int_equal(truncate(path, (off_t)INPUT_SIZE_MAXIMUM), 0);
    assert_int_equal(input_read(path, &bytes, &size), EXIT_SOUND);
    assert_int_equal(size, INPUT_SIZE_MAXIMUM);
    free(bytes);
    assert_int_equal(truncate(path, (off_t)INPUT_SIZE_MAXIMUM + 1), 0);
    ASSERT_SAYS(input_read(path, &bytes, &size), EXIT_ENVIRONMENT,
                "kmemfuzz: cannot read %s: File too large\n", path);
    assert_null(bytes);
}

FOLDER_TEST(a_new_file_is_written_whole_with_the_rights_the_umask_leaves) {
    static const mode_t masks[] = {0, 022, 027, 077};
    struct stat status;
    for (size_t i = 0; i < LENGTH(masks); i++) {
        const mode_t before = umask(masks[i]);
        assert_int_equal(output_write(path_of("new"), binary, sizeof binary, i != 0), EXIT_SOUND);
        umask(before);
        assert_int_equal(stat(path_of("new"), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0666 & ~masks[i]);
    }
    assert_file_holds("new", binary, sizeof binary);
    assert_int_equal(output_write(path_of("empty"), binary, 0, true), EXIT_SOUND);
    assert_file_holds("empty", "", 0);
    assert_int_equal(entry_count(), 2);
}

FOLDER_TEST(what_is_no_file_is_not_replaced_and_nothing_is_left_behind) {
    static const char *const unwritable[][2] = {
        {"folder", "Is a directory"},
        {"none/file", "No such file or directory"},
        {"pipe", "it is a device or a pipe; choose the name of a file"}};
    struct stat status;
    char format[128];
    assert_int_equal(mkdir(path_of("folder"), 0700), 0);
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    for (size_t i = 0; i < LENGTH(unwritable); i++) {
        const char *const path = path_of(unwritable[i][0]);
        (void)snprintf(format, sizeof format, "kmemfuzz: cannot write %%s: %s\n", unwritable[i][1]);
        ASSERT_SAYS(output_write(path, binary, sizeof binary, true), EXIT_ENVIRONMENT, format, path);
    }
    const char *const pipe = path_of("pipe");
    ASSERT_SAYS(output_write(pipe, binary, sizeof binary, false), EXIT_ENVIRONMENT, format, pipe);
    assert_true(stat(pipe, &status) == 0 && S_ISFIFO(status.st_mode));
    assert_int_equal(entry_count(), 2);
}

/* Three files; the last of them is given by name. */
static enum exit_code write_three(const char *last, bool replace) {
    const struct output outputs[] = {{path_of("one"), binary, sizeof binary},
                                     {path_of("two"), binary, 0},
                                     {path_of(last), binary, sizeof binary}};
    return output_write_all(outputs, LENGTH(outputs), replace);
}

FOLDER_TEST(several_files_are_written_together) {
    assert_int_equal(write_three("three", false), EXIT_SOUND);
    assert_file_holds("one", binary, sizeof binary);
    assert_file_holds("two", binary, 0);
    assert_file_holds("three", binary, sizeof binary);
    assert_int_equal(entry_count(), 3);
    assert_int_equal(write_three("three", true), EXIT_SOUND);
    assert_int_equal(entry_count(), 3);
}

FOLDER_TEST(of_several_files_none_is_written_when_one_cannot_be) {
    make_file("old", "old", 3);
    assert_int_equal(mkdir(path_of("folder"), 0700), 0);
    catch_errors();
    const enum exit_code exists = write_three("old", false);
    const enum exit_code is_folder = write_three("folder", true);
    const enum exit_code nowhere = write_three("none/file", false);
    char expected[4 * PATH_SIZE];
    snprintf(expected, sizeof expected,
             "kmemfuzz: %s exists; choose another name, or --force to replace it\n"
             "kmemfuzz: cannot write %s: Is a directory\n"
             "kmemfuzz: cannot write %s: No such file or directory\n",
             path_of("old"), path_of("folder"), path_of("none/file"));
    assert_errors(expected);
    assert_int_equal(exists, EXIT_USAGE);
    assert_int_equal(is_folder, EXIT_ENVIRONMENT);
    assert_int_equal(nowhere, EXIT_ENVIRONMENT);
    assert_file_holds("old", "old", 3);
    assert_int_equal(entry_count(), 2);
}
