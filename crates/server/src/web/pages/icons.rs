//! Icons as inline SVG. They are decoration: the text beside an icon must contain its meaning.

macro_rules! icons {
    ($($name:ident = $path:literal;)+) => {$(
        pub(in crate::web) const $name: &str = concat!(
            "<svg class=\"icon\" viewBox=\"0 0 16 16\" width=\"16\" height=\"16\" fill=\"none\" stroke=\"currentColor\" ",
            "stroke-width=\"1.6\" stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">", $path, "</svg>"
        );
    )+};
}

icons! {
    CHECK = "<circle cx='8' cy='8' r='6.2'/><path d='m5.4 8.2 1.8 1.8 3.4-3.8'/>";
    ALERT = "<path d='M8 2.2 14.2 13H1.8z'/><path d='M8 6.6v2.9'/><path d='M8 11.4v.1'/>";
    CLOCK = "<circle cx='8' cy='8' r='6.2'/><path d='M8 4.8V8l2.2 1.4'/>";
    HAND = "<circle cx='8' cy='8' r='6.2'/><path d='M8 4.6v4.2'/><path d='M8 11.2v.1'/>";
    BLOCK = "<circle cx='8' cy='8' r='6.2'/><path d='m3.8 3.8 8.4 8.4'/>";
    QUESTION = "<circle cx='8' cy='8' r='6.2'/><path d='M6.3 6.3a1.8 1.8 0 1 1 2.5 1.7c-.5.2-.8.6-.8 1.1'/><path d='M8 11.3v.1'/>";
    DOT = "<circle cx='8' cy='8' r='2.4' fill='currentColor' stroke='none'/>";
    REFRESH = "<path d='M13.4 8a5.4 5.4 0 1 1-1.7-3.9'/><path d='M13.6 2v3h-3'/>";
    EXTERNAL = "<path d='M9.5 2.8h3.7v3.7'/><path d='M13 3 7.6 8.4'/><path d='M11.6 9.4v3.2H3.4V4.4h3.2'/>";
    COPY = "<rect x='5.6' y='5.6' width='7.6' height='7.6' rx='1.4'/><path d='M10.4 5.4V2.8H2.8v7.6h2.6'/>";
    BACK = "<path d='M9.8 3.6 5.4 8l4.4 4.4'/>";
    SEARCH = "<circle cx='7' cy='7' r='4.4'/><path d='m10.4 10.4 3 3'/>";
}
