/* Specification: text from outside in a form that can be printed. */
#include "fuzz/text/shown.h"
#include "tests/unit/caught.h"

static const struct {
    const char *text;
    const char *shown;
    const char *word; /* of a shell */
} cases[] = {
    {"", "", "''"},
    {"corpus/a_b-c.ops", "corpus/a_b-c.ops", "corpus/a_b-c.ops"},
    {"id:000000,src:1+2@3%=4", "id:000000,src:1+2@3%=4", "id:000000,src:1+2@3%=4"},
    {"a b", "a b", "'a b'"},
    {"it's $HOME `x` \"y\" !", "it's $HOME `x` \"y\" !", "'it'\\''s $HOME `x` \"y\" !'"},
    {"~#;&|<>(){}[]*?^", "~#;&|<>(){}[]*?^", "'~#;&|<>(){}[]*?^'"},
    {"a\\b", "a\\b", "'a\\b'"},
    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
     "'\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80'"},
    {"a\nsound  b", "a\\nsound  b", "$'a\\nsound  b'"},
    {"\x1b]0;title\x07", "\\x1b]0;title\\x07", "$'\\x1b]0;title\\x07'"},
    {"it's\r\\\t\x7f", "it's\\r\\\\t\\x7f", "$'it\\'s\\r\\\\\\t\\x7f'"},
    {"bad\xff\xc3", "bad\\xff\\xc3", "$'bad\\xff\\xc3'"},
    {"\xc0\xaf \xed\xa0\x80", "\\xc0\\xaf \\xed\\xa0\\x80",
     "$'\\xc0\\xaf \\xed\\xa0\\x80'"}, /* too long; a surrogate */
    {"\xc2\x9b"
     "31m",
     "\\u009b"
     "31m",
     "$'\\xc2\\x9b"
     "31m'"},                                                      /* a control in UTF-8 */
    {"\xe2\x80\xaeops.", "\\u202eops.", "$'\\xe2\\x80\\xaeops.'"}, /* turns the line around */
    {"\xe2\x80\xa8\xe2\x81\xa6\xef\xbb\xbf", "\\u2028\\u2066\\ufeff",
     "$'\\xe2\\x80\\xa8\\xe2\\x81\\xa6\\xef\\xbb\\xbf'"},
    {"\xf3\xa0\x80\x81", "\\U000e0001", "$'\\xf3\\xa0\\x80\\x81'"},
    {"\xe2\x80\xa6", "\xe2\x80\xa6", "'\xe2\x80\xa6'"}, /* three dots */
};

TEST(text_is_shown_as_it_is_or_with_its_other_bytes_in_numbers) {
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assert_string_equal(shown(cases[i].text), cases[i].shown);
        assert_string_equal(shown_part(cases[i].text, SIZE_MAX), cases[i].shown);
    }
    assert_string_equal(shown_part("first,\nsecond", 5), "first");
}

TEST(no_byte_is_shown_that_is_no_character) {
    for (unsigned byte = 1; byte < 256; byte++) {
        const char text[] = {(char)byte, 'a', '\0'};
        const bool as_it_is = byte >= ' ' && byte <= '~';
        assert_int_equal(strcmp(shown(text), text) == 0, as_it_is);
        for (const char *at = shown(text); *at != '\0'; at++) {
            assert_in_range(*at, ' ', '~');
        }
    }
}

TEST(what_is_shown_lasts_for_a_message) {
    const char *texts[SHOWN_COUNT];
    for (unsigned i = 0; i < SHOWN_COUNT; i++) {
        const char text[] = {'\n', (char)('a' + i), '\0'};
        texts[i] = shown(text);
    }
    for (unsigned i = 0; i < SHOWN_COUNT; i++) {
        assert_int_equal(texts[i][2], 'a' + i);
    }
}

static void require_printed(void (*print)(const char *text, FILE *stream), const char *text,
                            const char *expected) {
    struct caught printed;
    catch_begin(&printed);
    print(text, printed.stream);
    assert_caught_text(&printed, expected);
}

TEST(a_word_of_a_shell_is_quoted_as_far_as_it_must_be) {
    for (size_t i = 0; i < LENGTH(cases); i++) {
        require_printed(shown_print_word, cases[i].text, cases[i].word);
    }
}

/* As bash reads it; a name has no NUL and may have any other byte. */
TEST(a_shell_reads_a_word_as_the_bytes_that_it_was) {
    char text[256];
    for (unsigned byte = 1; byte < 256; byte++) {
        text[byte - 1] = (char)byte;
    }
    text[255] = '\0';
    struct caught command;
    catch_begin(&command);
    fputs("exec bash -c \"$(cat <<'END'\nprintf %s ", command.stream);
    shown_print_word(text, command.stream);
    fputs("\nEND\n)\"", command.stream);
    fflush(command.stream);
    FILE *const shell = popen(command.text, "r"); /* NOLINT(cert-env33-c): it is a shell that is asked */
    assert_non_null(shell);
    char read[512];
    const size_t read_size = fread(read, 1, sizeof read, shell);
    assert_int_equal(pclose(shell), 0);
    assert_int_equal(read_size, 255);
    assert_memory_equal(read, text, 255);
    catch_end(&command);
}
