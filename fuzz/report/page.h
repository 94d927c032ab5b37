/* The page's parts, as cmake/embed.cmake puts them in the tool: the files of fuzz/report/page, each followed
 * by a NUL. */
#ifndef KMEM_PAGE_PARTS_H
#define KMEM_PAGE_PARTS_H

extern const char page_html[];
extern const char page_colours[]; /* also used by the pages of kmemfuzz report */
extern const char page_css[];
extern const char page_run_js[];
extern const char page_draw_js[];
extern const char page_page_js[];
extern const char page_svg[]; /* the style of still pictures */

#endif
