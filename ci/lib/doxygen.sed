# Makes documentation, for Doxygen, of a header's plain comments: the first is about the file, one at the start of a line about
# what follows it, any other about the declaration in front of it. Two hyphens would become a dash.
1s:^/\* :/** @file\n :
s:^( *)/\* :\1/** :
s:([;,{]|[A-Za-z0-9_)]) +/\* :\1 /**< :
s:^PORT_UNCHECKED ::
/^ \*|\/\*/s:--([a-z]):\\--\1:g
