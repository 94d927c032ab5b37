/* The page's parts, as the build puts them in the tool: the files of fuzz/report/page, each with a NUL behind
 * it.
 *
 * May be here: their names. May not: anything else; cmake/embed.cmake makes the rest. */
#ifndef KMEM_PAGE_PARTS_H
#define KMEM_PAGE_PARTS_H

extern const char page_html[];
extern const char page_colours[]; /* which the pages of kmemfuzz report have as well */
extern const char page_css[];
extern const char page_run_js[];
extern const char page_draw_js[];
extern const char page_page_js[];
extern const char page_svg[]; /* the style of still pictures */

#endif
