import { firstData, frameData, publicPages } from "./first-data.ts";

/** Key of the appearance a person chose: `light`, `dark` or `system`. */
export const themeKey = "muster-theme";

/**
 * Runs in the document's head, before the first paint and long before the bundle: sets the theme (no flash) and asks
 * for the page's first data, unless the server wrote it into `#muster-data`. It is the same on every page, so that one
 * hash in the Content-Security-Policy allows it.
 */
export const bootScript = `(function(w,d){
var t=null;try{t=localStorage.getItem(${JSON.stringify(themeKey)})}catch(e){}
var dark=t==="dark"||(t!=="light"&&matchMedia("(prefers-color-scheme: dark)").matches);
d.documentElement.dataset.theme=dark?"dark":"light";
var early=w.__musterEarly={},given={},path=location.pathname;
try{given=JSON.parse(d.getElementById("muster-data").textContent||"{}")}catch(e){}
w.__musterGiven=given;
if(new RegExp(${JSON.stringify(publicPages)}).test(path))return;
var now=new Date();
function month(k){return new Date(Date.UTC(now.getUTCFullYear(),now.getUTCMonth()+k,1)).toISOString().slice(0,10)}
var urls=[${JSON.stringify(frameData)}];
if(!location.search)${JSON.stringify(firstData)}.forEach(function(p){
var m=new RegExp(p.page).exec(path);
if(m)p.urls.forEach(function(u){urls.push(u.replace("$1",m[1]).replace("$month",month(0)).replace("$nextMonth",month(1)))})});
urls.forEach(function(u){
if(u in given){early[u]=Promise.resolve({status:200,body:given[u]});return}
early[u]=fetch(u,{credentials:"same-origin",headers:{accept:"application/json"}}).then(function(r){
return r.json().then(function(b){return{status:r.status,body:b}},function(){return{status:r.status,body:null}})});
early[u].catch(function(){})})
})(window,document)`;
