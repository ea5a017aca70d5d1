//! A walk stores exactly what GitHub has, whatever its shape and size, in few requests, and says
//! all the while how far it is.

mod shapes;
mod sizes;
mod status;
