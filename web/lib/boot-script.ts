import { firstData, frameData, publicPages } from "./first-data.ts";

/** Key of the appearance a person chose: `light`, `dark` or `system`. */
export const themeKey = "muster-theme";

/** Set once the fonts are in the browser's cache. */
export const fontsKey = "muster-fonts";

/** A line with a longer way there and back, in milliseconds, brings a font only after the first paint. */
const farMs = 300;

/**
 * Runs in the document's head, before the first paint and long before the bundle: sets the theme (no flash) and the
 * fonts, and asks for the page's first data, unless the server wrote it into `#muster-data`. It is the same on every
 * page, so that one hash in the Content-Security-Policy allows it. Being text, it fills in addresses by itself; a test holds
 * it to `fillIn` of the contracts.
 *
 * A font that is preloaded is waited for, some hundredths of a second, before the first paint. On a far line a font that
 * is not in the cache is left out: it would come after the first paint, before the scripts, and have the whole page laid
 * out again. It is fetched later, for the next visit (`keep-fonts.ts`). Where the stylesheet cannot be read, it is loaded
 * when it is first used.
 *
 * `__next_s` is Next's queue of scripts to load before it hydrates. The empty data block in it does nothing but end the
 * task in which the bundle was evaluated, so that a key pressed just then is not kept waiting for both.
 */
export const bootScript = ({ classes, family }: { classes: string; family: string }) => `(function(w,d){
var t=null;try{t=localStorage.getItem(${JSON.stringify(themeKey)})}catch(e){}
var dark=t==="dark"||(t!=="light"&&matchMedia("(prefers-color-scheme: dark)").matches);
d.documentElement.dataset.theme=dark?"dark":"light";
var line=navigator.connection,fonts=!(line&&line.rtt>${farMs});
try{fonts=fonts||localStorage.getItem(${JSON.stringify(fontsKey)})!==null}catch(e){}
if(fonts){d.documentElement.className+=${JSON.stringify(` ${classes}`)};
try{var rules=[].concat.apply([],[].map.call(d.styleSheets,function(s){return[].slice.call(s.cssRules)}));
rules.some(function(r){
var url=r.type===5&&r.style.fontFamily===${JSON.stringify(family)}&&/url\\("?([^")]+)/.exec(r.style.src);
if(!url)return false;
var l=d.createElement("link");l.rel="preload";l.as="font";l.type="font/woff2";l.crossOrigin="";l.href=url[1];
d.head.appendChild(l);return true})}catch(e){}}
var early=w.__musterEarly={},given={},path=location.pathname;
try{given=JSON.parse(d.getElementById("muster-data").textContent||"{}")}catch(e){}
w.__musterGiven=given;
(w.__next_s=w.__next_s||[]).push([0,{type:"text/plain",children:""}]);
if(new RegExp(${JSON.stringify(publicPages)}).test(path))return;
var now=new Date();
function month(k){return new Date(Date.UTC(now.getUTCFullYear(),now.getUTCMonth()+k,1)).toISOString().slice(0,10)}
var urls=[${JSON.stringify(frameData)}];
if(!location.search)${JSON.stringify(firstData)}.forEach(function(p){
var m=new RegExp(p.page).exec(path);
if(m)p.urls.forEach(function(u){urls.push(u.replaceAll("$1",m[1]||"").replaceAll("$month",month(0)).replaceAll("$nextMonth",month(1)))})});
urls.forEach(function(u){
if(u in given){early[u]=Promise.resolve({status:200,body:given[u]});return}
early[u]=fetch(u,{credentials:"same-origin",headers:{accept:"application/json"}}).then(function(r){
return r.json().then(function(b){return{status:r.status,body:b}},function(){return{status:r.status,body:null}})});
early[u].catch(function(){})})
})(window,document)`;
