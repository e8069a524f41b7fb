// The token is behind the #, which no server sees: put it into the field, and out of the address bar.
const field = document.getElementById("token");
if (field && location.hash.length > 1) {
  field.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
}
