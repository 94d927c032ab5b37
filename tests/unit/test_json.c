/* Tests of the JSON writer: what each value looks like, and what becomes of bytes that JSON cannot hold. */
#include "fuzz/report/json.h"
#include "tests/unit/caught.h"

/* What a writing function writes as the only value of a document. */
static void require(void (*write)(struct json *json, const char *key, const char *text), const char *text,
                    const char *expected) {
    struct caught document;
    catch_begin(&document);
    struct json json = json_start(document.stream);
    write(&json, NULL, text);
    assert_caught_text(&document, expected);
}

TEST(plain_text_stands_as_it_is) {
    require(json_string, "", "\"\"");
    require(json_string, "alloc 0 24", "\"alloc 0 24\"");
}

TEST(quotes_backslashes_and_controls_are_escaped) {
    require(json_string, "a\"b\\c\nd\te\x01\x1f\x7f", "\"a\\\"b\\\\c\\nd\\u0009e\\u0001\\u001f\\u007f\"");
}

TEST(utf_8_stands_as_it_is) {
    require(json_string, "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
            "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"");
    require(json_string, "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
            "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"");
}

TEST(each_byte_that_is_not_utf_8_becomes_a_replacement_character) {
    require(json_string,
            "a\xff"
            "b",
            "\"a\\ufffdb\"");
    require(json_string, "\x80", "\"\\ufffd\"");
    require(json_string, "\xc3", "\"\\ufffd\"");                                  /* ends in the middle */
    require(json_string, "\xc0\xaf", "\"\\ufffd\\ufffd\"");                       /* not the shortest form */
    require(json_string, "\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"");            /* nor this */
    require(json_string, "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");            /* a surrogate */
    require(json_string, "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""); /* above U+10FFFF */
    require(json_string, "\xf0\x8f\xbf\xbf", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    require(json_string, "\xf5", "\"\\ufffd\"");
}

TEST(a_path_is_a_uri_from_which_every_byte_can_be_had) {
    require(json_path, "corpus/seeds/a-b_c.ops", "\"corpus/seeds/a-b_c.ops\"");
    require(json_path, "/tmp/x", "\"file:///tmp/x\"");
    require(json_path, "a b%c:d#e?f\xff\n\"", "\"a%20b%25c%3Ad%23e%3Ff%FF%0A%22\"");
}

TEST(containers_nest_with_a_member_a_line_and_empty_ones_on_one) {
    struct caught document;
    catch_begin(&document);
    struct json json = json_start(document.stream);
    json_open_object(&json, NULL);
    json_number(&json, "n", UINT64_MAX);
    json_bool(&json, "b", true);
    json_null(&json, "z");
    json_open_array(&json, "empty");
    json_close_array(&json);
    json_open_array(&json, "full");
    json_bool(&json, NULL, false);
    json_open_object(&json, NULL);
    json_close_object(&json);
    json_close_array(&json);
    json_close_object(&json);
    json_end(&json);
    assert_caught_text(&document, "{\n  \"n\": 18446744073709551615,\n  \"b\": true,\n  \"z\": null,\n"
                                  "  \"empty\": [],\n  \"full\": [\n    false,\n    {}\n  ]\n}\n");
}
